"""The asv suite; see ``asv.conf.json`` one folder up."""
