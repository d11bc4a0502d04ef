"""How people and tests direct the pretended world: the control API under /_sim and the page at /."""
