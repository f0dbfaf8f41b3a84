"""What a run of the tests really stood on, and what it left out: printed at its end."""

used: dict[str, str] = {}
"""part → what it was, as in `PostgreSQL` → `system PostgreSQL 15.18`"""

not_run: dict[str, str] = {}
"""part → why its tests did not run, and what would make them run"""
