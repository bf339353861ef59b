"""The web server: admin pages, REST API, live Operator UI, database."""
