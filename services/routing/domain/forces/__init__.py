"""Forces (力量): persons with their roles, teams and associations, call-outs. Pure: no I/O, no clock."""
