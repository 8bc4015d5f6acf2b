"""The engine: numbers that remember how they were computed, and the table of operations. Standard library only."""
