//! What is left of what somebody has written about themselves where it is not theirs to read.

/// How much of a word may show.
const MOST: usize = 6;
/// The digits of a phone number.
const PHONE: usize = 11;

#[derive(PartialEq, Eq)]
enum Kind {
    Digits,
    Letters,
    Between,
}

impl Kind {
    fn of(letter: char) -> Self {
        match letter {
            digit if digit.is_numeric() => Self::Digits,
            letter if letter.is_alphabetic() => Self::Letters,
            _ => Self::Between,
        }
    }
}

/// Enough of an address to tell parcels apart, too little to call or visit anybody: the ends of a phone number, the beginning of each word,
/// no other number. How long a word was does not show.
pub(crate) fn masked(text: &str) -> String {
    let letters: Vec<_> = text.chars().collect();
    let mut masked = String::new();
    for word in letters.chunk_by(|one, next| Kind::of(*one) == Kind::of(*next)) {
        match Kind::of(word[0]) {
            Kind::Between => masked.extend(word),
            Kind::Digits if word.len() >= PHONE => {
                masked.extend(&word[..3]);
                masked.push_str("****");
                masked.extend(&word[word.len() - 4..]);
            }
            Kind::Letters if word.len() > 1 => {
                masked.extend(&word[..(word.len() / 3).clamp(1, MOST)]);
                masked.push_str("**");
            }
            Kind::Digits | Kind::Letters if masked.ends_with('*') => {}
            Kind::Digits | Kind::Letters => masked.push_str("**"),
        }
    }
    masked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_a_phone_and_the_beginnings_of_words_are_left() {
        for (text, expected) in [
            ("", ""),
            ("张三丰", "张**"),
            ("13812345678", "138****5678"),
            ("张三丰，13812345678，上海市浦东新区世纪大道100号", "张**，138****5678，上海市**"),
            ("张三丰13812345678", "张**138****5678"),
            ("李 138-1234-5678", "** **-**-**"),
            ("12 Long Street, Ann Featherstonehaugh", "** L** St**, A** Feath**"),
            ("１３８１２３４５６７８", "１３８****５６７８"),
        ] {
            assert_eq!(masked(text), expected);
        }
    }
}
