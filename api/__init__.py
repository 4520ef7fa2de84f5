"""The service: the HTTP API and its page, on top of `tuner`. Empty until the service exists."""
