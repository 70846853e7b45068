"""Pages for people: server-made HTML in English and Chinese, SVG charts, a few small modules, nothing from outside."""
