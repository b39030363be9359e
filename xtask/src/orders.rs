//! A shop that never was: a thousand orders as its first program wrote them, two of them broken on purpose.
//!
//! The stream must be the same on every machine and for ever, so the numbers come from a generator written out here
//! (SplitMix64) and not from a crate whose sequence may change. Names and streets are invented; the addresses end in
//! `example.org`, which nobody can own.

use std::fmt::Write as _;

/// Orders in the stream.
const COUNT: u64 = 1_000;
/// The order whose first line says "a dozen" where a number belongs. Counted from 1.
const DOZEN: u64 = 404;
/// The order that is cut off in the middle, as a program that was killed leaves it. Counted from 1.
const CUT_OFF: u64 = 808;

const CUSTOMERS: [(&str, &str); 12] = [
    ("Núria Vidal", "nuria.vidal"),
    ("Jonas Lindqvist", "jonas.lindqvist"),
    ("Zoë van der Berg", "zoe.vdberg"),
    ("Σοφία Παππά", "sofia.pappa"),
    ("Marek Kowalczyk", "marek.k"),
    ("Aoife O'Brien", "aoife.obrien"),
    ("Björn Þórsson", "bjorn.thorsson"),
    ("Chiara \"Kiki\" Conti", "kiki.conti"),
    ("Émile Dubois", "emile.dubois"),
    ("Hana Nováková", "hana.novakova"),
    ("Юлія Шевчук", "yulia.shevchuk"),
    ("João Magalhães", "joao.magalhaes"),
];

const PLACES: [(&str, &str, &str, &str); 8] = [
    ("Carrer de la Mar 12", "08003", "Barcelona", "ES"),
    ("Storgatan 4", "114 55", "Stockholm", "SE"),
    ("Prinsengracht 251", "1016 GV", "Amsterdam", "NL"),
    ("Οδός Αθηνάς 7", "105 54", "Αθήνα", "GR"),
    ("Ulica Długa 33", "31-147", "Kraków", "PL"),
    ("Lange Gasse 9", "1080", "Wien", "AT"),
    ("Rue de la Paix 2", "75002", "Paris", "FR"),
    ("Rua das Flores 120", "4050-262", "Porto", "PT"),
];

/// Number of the article, and its price as the old program wrote it: text, because it had learned about rounding.
const ARTICLES: [(&str, &str); 9] = [
    ("KB-2041", "39.90"),
    ("KB-2077", "129.00"),
    ("MS-0310", "24.50"),
    ("MS-0999", "8"),
    ("CB-0001", "4.95"),
    ("CB-0002", "7.5"),
    ("DS-3200", "349.00"),
    ("DS-3201", "419.99"),
    ("LP-7000", "1249.00"),
];

const STATES: [&str; 5] = ["P", "P", "S", "S", "R"];
const CHANNELS: [&str; 3] = ["web", "shop", "phone"];

/// The whole stream: one order a line.
pub(crate) fn stream() -> String {
    let mut dice = Dice(0x0D_0C_1A_7E);
    let mut text = String::new();
    // The first of March 2024, nine in the morning, UTC.
    let mut created = 1_709_283_600_u64;
    for number in 1..=COUNT {
        created += 60 + dice.below(5_400);
        let order = order(number, created, &mut dice);
        if number == CUT_OFF {
            let middle = order.find("\"lines\"").map_or(order.len(), |start| start + 12);
            text.push_str(&order[..middle]);
        } else {
            text.push_str(&order);
        }
        text.push('\n');
    }
    text
}

fn order(number: u64, created: u64, dice: &mut Dice) -> String {
    let (name, mail) = dice.one_of(&CUSTOMERS);
    let (street, zip, city, country) = dice.one_of(&PLACES);
    let name = name.replace('"', "\\\"");
    let mut text = format!(
        "{{\"order\":\"A-{:06}\",\"created\":{created},\"cust_name\":\"{name}\",\"cust_mail\":\"{mail}@example.org\",\
         \"street\":\"{street}\",\"zip\":\"{zip}\",\"city\":\"{city}\",\"country\":\"{country}\",\"state\":\"{}\",\"lines\":[",
        100_000 + number,
        dice.one_of(&STATES),
    );
    for line in 0..=dice.below(4) {
        let (sku, price) = dice.one_of(&ARTICLES);
        let quantity = match (number, line) {
            (DOZEN, 0) => "a dozen".to_owned(),
            // The old program kept a cancelled line and set its quantity to nought.
            _ if dice.below(25) == 0 => "0".to_owned(),
            _ => (1 + dice.below(5)).to_string(),
        };
        let comma = if line > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{comma}{{\"sku\":\"{sku}\",\"qty\":\"{quantity}\",\"price\":\"{price}\"}}"
        );
    }
    text.push(']');
    if dice.below(6) == 0 {
        text.push_str(",\"coupon\":\"SPRING-10\"");
    }
    // The serial number of the till has twenty digits and must arrive with all of them.
    let _ = write!(
        text,
        ",\"till\":9000000000{:010},\"src\":\"{}\"}}",
        dice.below(10_000_000_000),
        dice.one_of(&CHANNELS)
    );
    text
}

/// SplitMix64, as Sebastiano Vigna published it into the public domain.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; the small unevenness of the remainder does not matter here.
    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        let count = u64::try_from(choices.len()).unwrap_or(u64::MAX);
        let place = usize::try_from(self.below(count)).unwrap_or_default();
        choices[place]
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn exactly_one_order_is_cut_off_and_one_has_no_number() {
        let stream = super::stream();
        assert_eq!(stream.lines().count(), 1_000);
        let broken: Vec<usize> = (1..)
            .zip(stream.lines())
            .filter(|(_, line)| serde_json::from_str::<serde_json::Value>(line).is_err())
            .map(|(number, _)| number)
            .collect();
        assert_eq!(broken, [808]);
        assert_eq!(stream.matches("a dozen").count(), 1);
    }
}
