"""What is ordinary for each actor, and how far an episode departs from it: SQL over the store, weighed in bits."""
