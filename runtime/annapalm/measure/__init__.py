"""Filaments and pores in numbers, with the doubt of the error map; two groups compared."""
