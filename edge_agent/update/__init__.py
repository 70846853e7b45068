"""How a box gets another version of its agent, tries it out, and goes back by itself when it is not well."""
