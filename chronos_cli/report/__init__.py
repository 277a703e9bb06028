"""Outcomes and problems → text: tables, lines, JSON. Nothing here prints."""
