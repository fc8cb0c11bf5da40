"""A table of jobs, whose rows a backfill changes."""

ROWS = 40_000
TABLE = """
    CREATE TABLE jobs (
        id varchar(20) PRIMARY KEY,
        done boolean NOT NULL DEFAULT false,
        times integer NOT NULL DEFAULT 0,
        note text
    )
"""
# Names that Python and a server sort in different ways.
FILL = f"""
    INSERT INTO jobs (id)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
    SELECT CASE n % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'B' ELSE 'é' END || n FROM numbers
"""
# How many rows it has, and how often a row has been changed, at least and at most.
RESULT = "SELECT count(*), min(times), max(times) FROM jobs"
