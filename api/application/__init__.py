"""The web application: routes, what they take and refuse, who may call them, settings."""
