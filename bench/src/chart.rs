//! Charts as SVG files, readable on light and on dark pages.

#![expect(clippy::float_arithmetic, reason = "a drawing, no money")]

/// Told apart by eyes that see colours otherwise, too; on white and on black.
const COLOURS: [&str; 4] = ["#2f7ed8", "#e07b00", "#1a9e6c", "#b653a6"];
const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}\
                     .quiet{fill:#57606a}.line{stroke:#d0d7de}.page{fill:#fff}\
                     @media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}.line{stroke:#3d444d}.page{fill:#0d1117}}";
const WIDTH: f64 = 760.0;
const BAR: f64 = 22.0;

pub(crate) struct Chart {
    /// Of its file.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    /// Groups of bars that lie, each bar with its name and its length.
    Bars(Vec<(String, Vec<(String, f64)>)>),
    /// Lines over the same kind of x, each with its name; both scales begin at zero.
    Lines { x: &'static str, y: &'static str, lines: Vec<(String, Vec<(f64, f64)>)> },
}

impl Chart {
    pub(crate) fn svg(&self) -> String {
        let (body, height) = match &self.kind {
            Kind::Bars(groups) => bars(groups),
            Kind::Lines { x, y, lines } => (plot(x, y, lines), 320.0),
        };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
             role=\"img\" aria-label=\"{title}\"><style>{STYLE}</style><rect class=\"page\" width=\"100%\" height=\"100%\" rx=\"6\"/>\
             <text class=\"title\" x=\"16\" y=\"26\">{title}</text>{body}</svg>\n",
            title = escaped(&self.title)
        )
    }
}

fn bars(groups: &[(String, Vec<(String, f64)>)]) -> (String, f64) {
    const LEFT: f64 = 190.0;
    const ROOM: f64 = WIDTH - LEFT - 90.0;
    let most = groups.iter().flat_map(|(_, bars)| bars).map(|(_, value)| *value).fold(f64::MIN_POSITIVE, f64::max);
    let (mut text, mut y) = (String::new(), 44.0);
    for (group, bars) in groups {
        put(&mut text, &format!("<text class=\"quiet\" x=\"16\" y=\"{}\">{}</text>", y + 15.0, escaped(group)));
        y += BAR;
        for (at, (name, value)) in bars.iter().enumerate() {
            let (length, middle) = ((value / most * ROOM).max(1.0), y + 15.0);
            let colour = COLOURS[at % COLOURS.len()];
            let name = escaped(name);
            put(&mut text, &format!("<text x=\"{}\" y=\"{middle}\" text-anchor=\"end\">{name}</text>", LEFT - 10.0));
            put(
                &mut text,
                &format!(
                    "<rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" rx=\"2\" fill=\"{colour}\"/>",
                    y + 2.0,
                    BAR - 4.0
                ),
            );
            let number = number(*value);
            put(&mut text, &format!("<text x=\"{:.1}\" y=\"{middle}\">{number}</text>", LEFT + length + 8.0));
            y += BAR;
        }
        y += 8.0;
    }
    (text, y + 8.0)
}

fn plot(x_name: &str, y_name: &str, lines: &[(String, Vec<(f64, f64)>)]) -> String {
    const LEFT: f64 = 76.0;
    const RIGHT: f64 = WIDTH - 20.0;
    const TOP: f64 = 66.0;
    const BOTTOM: f64 = 276.0;
    let points = || lines.iter().flat_map(|(_, points)| points);
    let most = |of: fn(&(f64, f64)) -> f64| points().map(of).fold(f64::MIN_POSITIVE, f64::max);
    let (most_x, most_y) = (most(|point| point.0), most(|point| point.1) * 1.1);
    let place = |&(x, y): &(f64, f64)| (LEFT + x / most_x * (RIGHT - LEFT), BOTTOM - y / most_y * (BOTTOM - TOP));
    let mut text = String::new();
    for step in 0..=4 {
        let part = f64::from(step) / 4.0;
        let (x, y) = place(&(most_x * part, most_y * part));
        put(&mut text, &format!("<line class=\"line\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"));
        let label = number(most_y * part);
        let at = y + 4.0;
        put(
            &mut text,
            &format!("<text class=\"quiet\" x=\"{}\" y=\"{at:.1}\" text-anchor=\"end\">{label}</text>", LEFT - 8.0),
        );
        let label = number(most_x * part);
        put(
            &mut text,
            &format!(
                "<text class=\"quiet\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{label}</text>",
                BOTTOM + 20.0
            ),
        );
    }
    let named = format!("{} · {}", escaped(y_name), escaped(x_name));
    put(&mut text, &format!("<text class=\"quiet\" x=\"{RIGHT}\" y=\"312\" text-anchor=\"end\">{named}</text>"));
    let mut legend = 16.0;
    for (at, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[at % COLOURS.len()];
        let path: Vec<String> = points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let path = path.join(" ");
        put(&mut text, &format!("<polyline points=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"));
        put(
            &mut text,
            &format!("<rect x=\"{legend}\" y=\"38\" width=\"12\" height=\"12\" rx=\"2\" fill=\"{colour}\"/>"),
        );
        put(&mut text, &format!("<text x=\"{}\" y=\"49\">{}</text>", legend + 18.0, escaped(name)));
        legend += 40.0 + 8.0 * name.chars().count() as f64;
    }
    text
}

fn number(value: f64) -> String {
    if value < 10.0 { crate::report::decimal(value, 1) } else { crate::report::whole(value) }
}

fn put(text: &mut String, part: &str) {
    text.push_str(part);
    text.push('\n');
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
