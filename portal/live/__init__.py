"""WebSockets: the stations' link, the browsers' feed, and the hub between them."""
