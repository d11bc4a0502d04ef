"""Pages and pictures that the spec names, fetched as a stranger would: public addresses only, bounded in all ways."""
