"""Hand-written fakes that the chassis is proven with. None of them knows the house's domain.

- `toy`: an aggregate with every trait that the rules speak of, and a way to make its upstream's records.
- `timing`: an event loop whose time is virtual, and the clock that reads it: nothing sleeps, all repeats.
- `broker`: topics in memory; a producer that loses, delays, refuses, expires single records or acknowledges
  late; a reader.
- `storage`: a collection in memory under the chassis's own repository, and faults for it and for real ones:
  executed-but-raised, lost, half done, another writer in between.
- `world`: processes of one service over one broker and one store, that can be crashed between any two steps.
"""
