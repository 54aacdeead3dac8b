"""The zoo: every recipe trained small, measured, drawn, and put in one table."""
