use super::*;

fn pattern(text: &str) -> LinkPattern {
    text.parse().unwrap()
}

fn filter(include: &[&str], exclude: &[&str]) -> LinkFilter {
    let parse = |texts: &[&str]| texts.iter().map(|text| pattern(text)).collect();
    LinkFilter { include: parse(include), exclude: parse(exclude) }
}

fn admitted(filter: &LinkFilter, name: &str, index: u32) -> bool {
    let link = Link::named(name, index);
    // Everything outside is reached by link 3.
    filter.refusal(&[], &link, |_| Some(3)).is_none()
}

#[test]
fn a_plain_word_is_a_name_and_nothing_longer() {
    assert!(pattern("eth0").matches_name("eth0"));
    for other in ["eth01", "veth0", "eth"] {
        assert!(!pattern("eth0").matches_name(other), "{other}");
    }
}

#[test]
fn an_expression_matches_anywhere_unless_it_is_tied_down() {
    assert!(pattern("eth.").matches_name("veth12"));
    assert!(!pattern("^eth.$").matches_name("veth1"));
    assert!(pattern("^cali").matches_name("cali0123abc"));
    assert!(pattern("^bond0\\.100$").matches_name("bond0.100"));
}

#[test]
fn what_cannot_be_read_says_what_is_wrong() {
    let wrong = |text: &str| text.parse::<LinkPattern>().unwrap_err();
    assert_eq!(wrong(""), LinkPatternError::Empty);
    assert_eq!(wrong("can_reach:here"), LinkPatternError::Address { text: "here".into() });
    let said = wrong("^eth[0").to_string();
    assert!(said.contains("neither a link's name nor a regular expression"), "{said}");
}

#[test]
fn what_is_excluded_is_excluded_even_if_it_is_included() {
    let filter = filter(&["^eth"], &["eth1"]);
    assert!(admitted(&filter, "eth0", 2));
    assert!(!admitted(&filter, "eth1", 3));
    assert!(!admitted(&filter, "ens3", 4));
}

#[test]
fn a_link_is_found_by_what_it_reaches() {
    let filter = filter(&["can_reach:192.0.2.1"], &[]);
    assert_eq!(filter.destinations().collect::<Vec<_>>(), [IpAddr::from([192, 0, 2, 1])]);
    assert!(admitted(&filter, "eth1", 3));
    assert!(!admitted(&filter, "eth0", 2));
}

#[test]
fn by_default_links_of_containers_are_left_alone() {
    let filter = LinkFilter::default();
    assert_eq!(filter.exclude.len(), NOT_FOR_US.len());
    for ours in ["eth0", "ens3", "enp1s0f0", "bond0", "bond0.100", "br0", "eno1"] {
        assert!(admitted(&filter, ours, 2), "{ours}");
    }
    for theirs in
        ["docker0", "br-0a1b2c3d4e5f", "cali1234", "veth0a", "cni0", "flannel.1", "lxcbr0"]
    {
        assert!(!admitted(&filter, theirs, 2), "{theirs}");
    }
}

#[test]
fn a_list_stands_in_place_of_the_default_and_beside_what_was_said() {
    let list: Vec<LinkExpression> =
        ["^docker", "lan"].into_iter().map(|text| text.parse().unwrap()).collect();
    let refusal = |filter: &LinkFilter, name: &str| {
        filter.beside_a_list().refusal(&list, &Link::named(name, 2), |_| None)
    };
    let by = |text: &str| Some(LinkRefusal::Listed { expression: text.parse().unwrap() });
    let default = LinkFilter::default();
    assert_eq!(refusal(&default, "veth0a"), None, "the list does not name it");
    assert_eq!(refusal(&default, "docker0"), by("^docker"));
    assert_eq!(refusal(&default, "vlan7"), by("lan"), "an expression matches anywhere");
    let said = filter(&[], &["^veth"]);
    assert_eq!(refusal(&said, "veth0a"), Some(LinkRefusal::Excluded));
    assert_eq!(refusal(&said, "docker0"), by("^docker"));
    assert!(default.beside_a_list().exclude.is_empty(), "a list may leave out nothing");
}
