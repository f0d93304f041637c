//! The sample files: a small pleasant Dropbox, made by code.
//!
//! Also a few that a careless program would trip over: names from right to left, with marks that
//! turn the direction, with markup, with quotes; a folder larger than a screen; an empty one.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

use super::pictures::{self, Scene};

/// Makes them all in a new folder.
pub(super) fn make(folder: &Path) -> io::Result<()> {
    for sub in [
        "Crew",
        "Curious names",
        "Delivery notes",
        "Documents",
        "Empty",
        "Photos/2026",
    ] {
        fs::create_dir_all(folder.join(sub))?;
    }
    let draw = |name: &str, scene| pictures::harbor(scene, &folder.join(name));
    // Drawn side by side: this is what takes long here.
    std::thread::scope(|threads| {
        let drawn = [
            threads.spawn(|| draw("Harbor at dawn.jpg", Scene::Dawn)),
            threads.spawn(|| draw("Photos/Harbor at noon.jpg", Scene::Noon)),
            threads.spawn(|| draw("Photos/2026/Harbor at dusk.jpg", Scene::Dusk)),
            threads.spawn(|| draw("Photos/2026/Night watch.jpg", Scene::Night)),
            threads.spawn(|| fs::write(folder.join("Sea chart.png"), pictures::chart()?)),
        ];
        let joined = drawn.map(|thread| thread.join());
        let panicked = |_| io::Error::other("a picture could not be drawn");
        joined
            .into_iter()
            .try_for_each(|end| end.map_err(panicked)?)
    })?;
    fs::copy(
        folder.join("Sea chart.png"),
        folder.join("Photos/2026/Sea chart, copy.png"),
    )?;
    let put = |name: &str, text: &[u8]| fs::write(folder.join(name), text);
    put("Welcome.txt", WELCOME.as_bytes())?;
    put("Documents/Harbor rules.pdf", &pdf(&HARBOR_RULES))?;
    put("Documents/Packing list.txt", PACKING.as_bytes())?;
    put("Documents/Logbook.md", LOGBOOK.as_bytes())?;
    put("Documents/Tide tables.csv", tides().as_bytes())?;
    for (name, text) in CREW {
        put(&format!("Crew/{name}"), text.as_bytes())?;
    }
    for name in CURIOUS {
        put(
            &format!("Curious names/{name}"),
            b"The name is the curious part.\n",
        )?;
    }
    for number in 1..=120 {
        let text = format!(
            "Delivery note {number}\n\n{} crates of rope\n",
            number * 7 % 31 + 1
        );
        put(
            &format!("Delivery notes/Delivery note {number}.txt"),
            text.as_bytes(),
        )?;
    }
    Ok(())
}

const WELCOME: &str = "Welcome aboard.\n\n\
     This folder plays the part of your Dropbox. Every file you pick is copied from here into\n\
     Longshore's storage, checked against its content hash, and announced by a webhook.\n";

const PACKING: &str =
    "Packing list\n\n- oilskins\n- two pairs of gloves\n- head lamp\n- tea\n- more tea\n";

const LOGBOOK: &str = "# Logbook\n\n\
     | day | from | to | miles |\n| --- | --- | --- | --- |\n\
     | 1 | Husum | Pellworm | 14 |\n| 2 | Pellworm | Amrum | 21 |\n| 3 | Amrum | Sylt | 17 |\n";

const CREW: [(&str, &str); 6] = [
    ("Übersicht der Mannschaft.txt", "Jörg, Änne, Søren\n"),
    ("Æsa Ólafsdóttir.txt", "Navigator\n"),
    ("船长的信.txt", "一路顺风\n"),
    ("رسالة إلى الميناء.txt", "نصل غدا صباحا\n"),
    ("ספינה.txt", "הפלגה טובה\n"),
    ("🚢 Cargo list.csv", "item,crates\nrope,12\ncoffee,40\n"),
];

const CURIOUS: [&str; 6] = [
    "<img src=x onerror=document.title='hacked'>.txt",
    "<script>document.title='hacked'<\u{2215}script>.txt",
    "invoice\u{202e}fdp.exe",
    "it's \"quoted\" & 100% $(safe); `really`.txt",
    "a name that is much longer than there is room for on any screen of any phone, and longer \
     than on most screens of most desks as well, so that it has to be cut somewhere.txt",
    "no ending",
];

const HARBOR_RULES: [&str; 5] = [
    "Harbor rules",
    "1. Tie up with two lines at least.",
    "2. Keep the fairway clear.",
    "3. Lights on from dusk to dawn.",
    "4. The tide waits for nobody.",
];

fn tides() -> String {
    let mut csv = "day,high water,low water\n".to_owned();
    for day in 1..=31_u32 {
        let high = (day * 50) % 720;
        let low = high + 372;
        let line = (high / 60, high % 60, low / 60, low % 60);
        // Writing to a String cannot fail.
        let _ = writeln!(
            csv,
            "{day},{:02}:{:02},{:02}:{:02}",
            line.0, line.1, line.2, line.3
        );
    }
    csv
}

/// A page of text as a PDF: the five objects that it takes, and where each begins.
fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut text = "BT /F1 22 Tf 72 740 Td 30 TL".to_owned();
    for (number, line) in lines.iter().enumerate() {
        if number == 1 {
            text.push_str(" /F1 13 Tf 22 TL T*");
        }
        let _ = write!(text, " ({line}) Tj T*");
    }
    text.push_str(" ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut pdf = "%PDF-1.4\n".to_owned();
    let mut table = "0000000000 65535 f \n".to_owned();
    for (number, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", pdf.len());
        let _ = write!(pdf, "{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let start = pdf.len();
    let count = objects.len() + 1;
    let _ = write!(
        pdf,
        "xref\n0 {count}\n{table}trailer\n<< /Size {count} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    );
    pdf.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_made_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("new");
        make(&folder).unwrap();
        let count = |sub: &str| fs::read_dir(folder.join(sub)).unwrap().count();
        assert_eq!(count("Delivery notes"), 120);
        assert_eq!(count("Curious names"), CURIOUS.len());
        assert_eq!(count("Empty"), 0);
        let size = imagesize::size(folder.join("Harbor at dawn.jpg")).unwrap();
        assert!(size.width > 700);
    }

    #[test]
    fn the_table_of_the_pdf_points_at_its_objects() {
        let pdf = String::from_utf8(pdf(&HARBOR_RULES)).unwrap();
        let start: usize = pdf.lines().rev().nth(1).unwrap().parse().unwrap();
        let table = &pdf[start..];
        assert!(table.starts_with("xref\n0 6\n"));
        for (number, line) in table.lines().skip(3).take(5).enumerate() {
            let at: usize = line[..10].parse().unwrap();
            assert!(
                pdf[at..].starts_with(&format!("{} 0 obj", number + 1)),
                "{line}"
            );
        }
    }
}
