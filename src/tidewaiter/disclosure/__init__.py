"""What container logs give away: configuration, services, cloud provider, cluster, versions, credentials.

Lines in, disclosures out: `entries` takes log drivers' records apart, `joining` puts split lines together, `patterns`
and `checks` recognise, `masking` hides secrets before anything is kept, `collecting` counts, `page` writes for people.
What is recognised is data in `packs/vocabulary/disclosure.yml`. Pure, like every stage: opening files and asking an
engine is the command line's part. It stands beside `sources`, because a container log is no record of who did what.
"""
