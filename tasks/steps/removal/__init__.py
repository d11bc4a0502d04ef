"""The way back: how each kind of object is taken away, or given back as it was. One file for each kind of work."""
