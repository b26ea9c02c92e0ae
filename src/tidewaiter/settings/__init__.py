"""The configuration of the service, one module a section; nothing here reads a file but `load`."""
