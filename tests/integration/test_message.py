"""channelMessage: what is said is heard, once, by whoever joined."""


def test_hello(client):
    alice = client("alice", join="0")
    bob = client("bob", join="0")
    said = alice.say("hello", requestID=7)
    assert alice.last["requestID"] == 7
    heard = bob.hear("hello")
    assert heard == said and "requestID" not in bob.last
