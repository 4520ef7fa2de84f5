"""The service: studies over HTTP, each a Ray job; the page; the console script."""
