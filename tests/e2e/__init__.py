"""The whole product at once: the real agent and the real server over real HTTP, and everything that goes wrong."""
