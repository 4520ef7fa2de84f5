"""The web application: the routes, and the service that they share."""
