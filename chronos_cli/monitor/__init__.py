"""The loop as others look at it over HTTP: a page, metrics, and whether it is well."""
