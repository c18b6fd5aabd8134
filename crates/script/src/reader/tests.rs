use super::*;

const DEEP: usize = 100_000;

/// Ways to nest without end, each with what opens it, what stands in the middle and what closes it.
const SHAPES: &[(&str, &str, &str)] = &[
    ("(", "1", ")"),
    ("[", "1", "]"),
    ("{", ";", "}"),
    ("x={a:", "1", "}"),
    ("(function(){", "1", "})()"),
    ("f(", "1", ")"),
    ("new f(", "1", ")"),
    ("`${", "1", "}`"),
    ("a[", "1", "]"),
    ("!", "1", ""),
    ("- ", "1", ""),
    ("+ ", "1", ""),
    ("~", "1", ""),
    ("typeof ", "1", ""),
    ("void ", "1", ""),
    ("delete ", "a", ""),
    ("await ", "1", ""),
    ("yield ", "1", ""),
    ("new ", "a", ""),
    ("++", "a", ""),
    ("a=", "1", ""),
    ("a+=", "1", ""),
    ("a??=", "1", ""),
    ("a=>", "1", ""),
    ("async a=>", "1", ""),
    ("a**", "1", ""),
    ("a?b:", "c", ""),
    ("a?", "b", ":c"),
    ("a+", "1", ""),
    ("a&&", "1", ""),
    ("a??", "1", ""),
    ("a,", "1", ""),
    ("a in ", "b", ""),
    ("a instanceof ", "b", ""),
    ("", "a", ".b"),
    ("", "a", "?.b"),
    ("", "a", "[0]"),
    ("", "a", "()"),
    ("", "a", "`x`"),
    ("", "a", "?.()"),
    ("if(a)", ";", ""),
    ("if\u{a0}(a)", ";", ""),
    ("\\u0069f(a)", ";", ""),
    ("if(a);else ", ";", ""),
    ("if(a){}else ", ";", ""),
    ("if(a)b\nelse ", "c", ""),
    ("for(;;)", ";", ""),
    ("for(a of b)", ";", ""),
    ("for(a in b)", ";", ""),
    ("while(a)", ";", ""),
    ("with(a)", ";", ""),
    ("do ", ";", " while(a)\n"),
    ("do{", ";", "}while(a)\n"),
    ("try{", ";", "}finally{}"),
    ("switch(a){case 1:", ";", "}"),
    ("a:", ";", ""),
    ("class extends ", "a", "{}"),
    ("(class extends ", "a", "{})"),
    ("class A{static{", ";", "}}"),
    ("class A{a=", "1", "}"),
    ("var {a:", "b", "}=c"),
    ("[a=", "b", "]=c"),
    ("...", "a", ""),
    ("/(/;(", "1", ")"),
    ("}/'/.x(", "1", ")"),
    ("<!--`\n(", "1", ")"),
    ("import(", "'a'", ")"),
    ("function f(a=", "1", "){}"),
    ("<a>", "b", "</a>"),
    ("a?.5:", "b", ""),
    ("yield /'/ (", "1", ")"),
    ("x=>{", "1", "}"),
    ("({get a(){return ", "1", "}})"),
];

fn nested((open, middle, close): (&str, &str, &str), levels: usize) -> String {
    format!("{}{middle}{}", open.repeat(levels), close.repeat(levels))
}

#[test]
fn whatever_nests_without_end_is_answered() {
    for shape in SHAPES {
        for levels in [300, 990, 3_000, DEEP] {
            for kinds in [
                &[Kind::CommonJs, Kind::Module, Kind::Script][..],
                &[Kind::Module],
            ] {
                for source in [
                    nested(*shape, levels),
                    format!("async function*f(){{{}}}", nested(*shape, levels)),
                ] {
                    eprintln!("{shape:?} {levels}");
                    let read = read(&source, kinds, |tree| tree.error.is_some());
                    if let Err(Refused::Ended { reason }) = read {
                        panic!("{reason}")
                    }
                }
            }
        }
    }
}
