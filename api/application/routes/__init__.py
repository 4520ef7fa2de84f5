"""The routes of the API, each file a router: submitting studies, reading, changing them; for operators."""
