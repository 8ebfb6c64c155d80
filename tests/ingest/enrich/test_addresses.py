from casbah.ingest.enrich.addresses import distinct


def test_each_address_once_and_in_order():
    assert distinct(["1.2.3.4:5", None, 7, "", "5.6.7.8, 1.2.3.4", "::1"]) == ("1.2.3.4", "5.6.7.8", "::1")


def test_what_is_no_address_is_no_value():
    assert distinct(["AWS Internal", "secretsmanager.amazonaws.com", "253.252.51.07", "x" * 200]) == ()
