"""Load → decide → commit for persons, forces and call-outs, and their gRPC edge."""
