"""The directory (网格与邻长): who is responsible for whom, and since when. Pure: no I/O, no clock."""
