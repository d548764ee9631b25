from load import Load
def test_three_nodes_racing_give_one_order(start_chatd, redis, prefix):
    nodes = [start_chatd() for _ in range(3)]
    with Load(nodes, redis, prefix, senders=6, receivers=3, rate=2000) as load:
        load.wait_acked(3000)
    load.check()
