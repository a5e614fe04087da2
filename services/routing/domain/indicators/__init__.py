"""Indicators (响应率、解决率、满意率): how units did, by one published formula. Pure: no I/O, no clock."""
