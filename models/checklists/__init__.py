"""What has to be true before a channel can be launched, as data: one YAML file per channel and country.

``item.py`` says what a file may hold; ``catalogue.py`` reads the files and picks the items that apply to a spec.
"""
