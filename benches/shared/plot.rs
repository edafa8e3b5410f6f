//! A plain plot: both axes logarithmic.

use std::fmt::Write;

/// What was measured: size, nanoseconds a user record, bytes of memory a user record.
#[derive(Clone)]
pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64, f64)>,
}

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
/// Powers of ten on each axis: sizes from 1, figures from 1.
const DECADES: (f64, f64) = (5.0, 4.0);

/// One panel for each curve, time and memory in each.
pub(crate) fn plot(curves: &[Curve]) -> String {
    let panel = WIDTH + 2.0 * LEFT;
    let (width, height) = (panel * curves.len() as f64, HEIGHT + 2.5 * TOP);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' \
         font-family='sans-serif' font-size='11'>\n<rect width='{width}' height='{height}' fill='white'/>\n"
    );
    for (curve, at) in curves.iter().zip(0_u8..) {
        let left = LEFT + panel * f64::from(at);
        draw(&mut svg, curve, left).expect("a string takes all");
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, curve: &Curve, left: f64) -> std::fmt::Result {
    let x = |size: f64| left + size.log10() / DECADES.0 * WIDTH;
    let y = |figure: f64| TOP + HEIGHT - figure.max(1.0).log10() / DECADES.1 * HEIGHT;
    for decade in [1.0, 10.0, 100.0, 1000.0, 10_000.0, 100_000.0] {
        let (at, base) = (x(decade), TOP + HEIGHT);
        writeln!(
            svg,
            "<line x1='{at}' y1='{TOP}' x2='{at}' y2='{base}' stroke='#ddd'/>"
        )?;
        writeln!(
            svg,
            "<text x='{at}' y='{}' text-anchor='middle'>{decade}</text>",
            base + 16.0
        )?;
        if decade <= 10_000.0 {
            let (at, right) = (y(decade), left + WIDTH);
            writeln!(
                svg,
                "<line x1='{left}' y1='{at}' x2='{right}' y2='{at}' stroke='#ddd'/>"
            )?;
            writeln!(
                svg,
                "<text x='{}' y='{at}' text-anchor='end'>{decade}</text>",
                left - 6.0
            )?;
        }
    }
    let base = TOP + HEIGHT + 36.0;
    writeln!(
        svg,
        "<text x='{}' y='{base}' text-anchor='middle'>{}</text>",
        left + WIDTH / 2.0,
        curve.name
    )?;
    let times = curve
        .points
        .iter()
        .map(|&(size, time, _)| (x(size), y(time)));
    line(svg, times, "#c33")?;
    let memory = curve
        .points
        .iter()
        .map(|&(size, _, bytes)| (x(size), y(bytes)));
    line(svg, memory, "#36c")?;
    writeln!(
        svg,
        "<text x='{left}' y='16' fill='#c33'>nanoseconds a user record</text>"
    )?;
    writeln!(
        svg,
        "<text x='{left}' y='30' fill='#36c'>bytes of memory a user record</text>"
    )
}

fn line(
    svg: &mut String,
    points: impl Iterator<Item = (f64, f64)>,
    colour: &str,
) -> std::fmt::Result {
    write!(
        svg,
        "<polyline fill='none' stroke='{colour}' stroke-width='2' points='"
    )?;
    for (x, y) in points {
        write!(svg, "{x:.1},{y:.1} ")?;
    }
    writeln!(svg, "'/>")
}
