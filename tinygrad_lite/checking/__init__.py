"""The certificate of a gradient: every number against a reference in high precision."""
