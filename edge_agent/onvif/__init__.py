"""Talks to an ONVIF camera's own services, as far as a commanded change in the picture needs it."""
