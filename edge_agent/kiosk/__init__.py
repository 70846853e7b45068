"""The pharmacy kiosk: a page for the customer in this machine's browser, and the agent behind it."""

from edge_agent.kiosk.settings import KioskSettings, load_settings

__all__ = ["KioskSettings", "load_settings"]
