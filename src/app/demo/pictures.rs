//! Pictures of a harbor, drawn point by point.

use std::io;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{Rgb, RgbImage};

/// Small enough to be drawn quickly by a program that was built for debugging.
const WIDTH: u32 = 720;
const HEIGHT: u32 = 480;
/// Where the sea begins, as a part of the height.
const HORIZON: f32 = 0.56;

type Color = [f32; 3];

/// The time of day.
#[derive(Clone, Copy)]
pub(super) enum Scene {
    Dawn,
    Noon,
    Dusk,
    Night,
}

/// Its colors and where sun or moon stands.
struct Light {
    above: Color,
    low: Color,
    sea: Color,
    hills: Color,
    sun: Color,
    at: (f32, f32),
}

impl Scene {
    fn light(self) -> Light {
        let light = |above, low, sea, hills, sun, at| Light {
            above,
            low,
            sea,
            hills,
            sun,
            at,
        };
        match self {
            Self::Dawn => light(
                [0.36, 0.55, 0.78],
                [0.99, 0.79, 0.62],
                [0.22, 0.38, 0.52],
                [0.33, 0.37, 0.51],
                [1.0, 0.93, 0.77],
                (0.66, 0.45),
            ),
            Self::Noon => light(
                [0.18, 0.50, 0.83],
                [0.76, 0.89, 0.97],
                [0.06, 0.38, 0.53],
                [0.25, 0.47, 0.42],
                [1.0, 1.0, 0.94],
                (0.25, 0.16),
            ),
            Self::Dusk => light(
                [0.20, 0.16, 0.36],
                [0.96, 0.48, 0.30],
                [0.17, 0.14, 0.30],
                [0.16, 0.12, 0.25],
                [1.0, 0.78, 0.45],
                (0.40, 0.50),
            ),
            Self::Night => light(
                [0.02, 0.04, 0.11],
                [0.12, 0.19, 0.34],
                [0.03, 0.07, 0.15],
                [0.03, 0.05, 0.10],
                [0.95, 0.96, 0.90],
                (0.74, 0.20),
            ),
        }
    }
}

/// Draws the harbor as a JPEG.
pub(super) fn harbor(scene: Scene, path: &Path) -> io::Result<()> {
    let light = scene.light();
    let night = matches!(scene, Scene::Night);
    let picture = RgbImage::from_fn(WIDTH, HEIGHT, |x, y| {
        let (u, v) = (x as f32 / WIDTH as f32, y as f32 / HEIGHT as f32);
        let mut color = if v < HORIZON {
            sky(&light, u, v, night.then(|| grain(x, y)))
        } else {
            sea(&light, u, v)
        };
        for (at, size) in [(0.30, 0.20), (0.56, 0.10), (0.83, 0.13)] {
            boat(&mut color, (u, v), at, size, &light);
        }
        Rgb(color.map(|part| (part.clamp(0.0, 1.0) * 255.0) as u8))
    });
    let file = io::BufWriter::new(std::fs::File::create(path)?);
    let encoder = JpegEncoder::new_with_quality(file, 88);
    picture
        .write_with_encoder(encoder)
        .map_err(io::Error::other)
}

fn sky(light: &Light, u: f32, v: f32, stars: Option<f32>) -> Color {
    let mut color = mix(light.above, light.low, (v / HORIZON).powf(1.4));
    if let Some(grain) = stars
        && grain > 0.9994
    {
        color = [0.9, 0.9, 1.0];
    }
    let (dx, dy) = ((u - light.at.0) * 1.5, v - light.at.1);
    let away = (dx * dx + dy * dy).sqrt();
    color = mix(color, light.sun, 0.45 * (-away * 7.0).exp());
    color = mix(color, light.sun, edge(0.048, away, 0.002));
    let ridge = |height: f32, wide: f32, shift: f32| {
        let waves = (u * wide + shift).sin() + 0.5 * (u * wide * 2.3 + shift * 2.0).sin();
        HORIZON - height - 0.022 * waves
    };
    let far = mix(light.hills, light.low, 0.45);
    color = mix(color, far, edge(v, ridge(0.06, 7.0, 1.0), 0.002));
    mix(color, light.hills, edge(v, ridge(0.02, 11.0, 4.0), 0.002))
}

fn sea(light: &Light, u: f32, v: f32) -> Color {
    let depth = (v - HORIZON) / (1.0 - HORIZON);
    let color = mix(mix(light.sea, light.low, 0.55), light.sea, depth.sqrt());
    // Waves lie closer together far away.
    let far = 1.0 / (depth + 0.08);
    let wave =
        (far * 26.0 + (u * 9.0 + far).sin() * 1.3).sin() * (u * 60.0 / far + far * 5.0).sin();
    let color = mix(color, light.low, 0.10 * wave.max(0.0));
    let path = (-((u - light.at.0) * (9.0 - 5.0 * depth)).powi(2)).exp();
    mix(color, light.sun, path * (0.18 + 0.5 * wave.max(0.0)))
}

/// A hull and two sails, and what of them the water shows.
fn boat(color: &mut Color, (u, v): (f32, f32), at: f32, size: f32, light: &Light) {
    let water = HORIZON + size * 0.62;
    let x = (u - at) / size * 1.5;
    let mirrored = v > water;
    let y = if mirrored {
        (v - water) * 1.6
    } else {
        water - v
    } / size;
    let soft = 0.012;
    let hull = edge(y, 0.0, soft) * edge(0.16, y, soft) * edge(0.42 + y * 0.6, x.abs(), soft);
    let main =
        edge(y, 0.21, soft) * edge(x, 0.02, soft) * edge(0.44 * (1.0 - (y - 0.21) / 1.05), x, soft);
    let fore = edge(y, 0.24, soft)
        * edge(-0.02, x, soft)
        * edge(x, -0.40 * (1.0 - (y - 0.24) / 0.85), soft);
    let strength = if mirrored { 0.30 } else { 1.0 };
    let sail = mix([0.97, 0.95, 0.90], light.low, 0.25);
    let dim = 0.35 + 0.65 * light.low[1];
    *color = mix(*color, sail.map(|part| part * dim), main * strength);
    *color = mix(
        *color,
        [0.72 * dim, 0.22 * dim, 0.18 * dim],
        fore * strength,
    );
    *color = mix(*color, [0.12, 0.13, 0.17], hull * strength);
}

/// Draws a sea chart as a PNG: depths in steps, land, a compass.
pub(super) fn chart() -> io::Result<Vec<u8>> {
    let picture = RgbImage::from_fn(480, 480, |x, y| {
        let (u, v) = (x as f32 / 480.0, y as f32 / 480.0);
        let hill =
            |cx: f32, cy: f32, wide: f32| (-((u - cx).powi(2) + (v - cy).powi(2)) / wide).exp();
        let ripple = 0.05 * ((u * 13.0).sin() * (v * 11.0 + u * 6.0).cos());
        let ground = hill(0.18, 0.26, 0.05)
            + 0.9 * hill(0.75, 0.72, 0.045)
            + 0.5 * hill(0.62, 0.2, 0.01)
            + ripple;
        let color = if ground > 0.62 {
            [0.95, 0.88, 0.70]
        } else {
            let step = ((0.62 - ground) * 8.0).floor().min(4.0) / 4.0;
            mix([0.80, 0.91, 0.96], [0.42, 0.66, 0.84], step)
        };
        let line = ((0.62 - ground) * 8.0).fract();
        let color = if line < 0.045 {
            mix(color, [0.20, 0.36, 0.50], 0.6)
        } else {
            color
        };
        let grid = (u * 9.0).fract().min((v * 9.0).fract());
        let color = if grid < 0.012 {
            mix(color, [0.3, 0.4, 0.5], 0.25)
        } else {
            color
        };
        let (dx, dy) = (u - 0.84, v - 0.16);
        let (away, turn) = ((dx * dx + dy * dy).sqrt(), dy.atan2(dx));
        let star = 0.03 + 0.07 * (turn * 2.0).cos().abs().powi(12);
        let color = if away < star {
            [0.62, 0.16, 0.14]
        } else {
            color
        };
        Rgb(color.map(|part| (part * 255.0) as u8))
    });
    let mut png = io::Cursor::new(Vec::new());
    let written = picture.write_to(&mut png, image::ImageFormat::Png);
    written.map_err(io::Error::other)?;
    Ok(png.into_inner())
}

fn mix(from: Color, to: Color, part: f32) -> Color {
    [0, 1, 2].map(|i| from[i] + (to[i] - from[i]) * part)
}

/// 1 where `value` is above `limit`, 0 where it is below, and soft between.
fn edge(value: f32, limit: f32, soft: f32) -> f32 {
    ((value - limit) / soft + 0.5).clamp(0.0, 1.0)
}

/// The same arbitrary number between 0 and 1 for the same point.
fn grain(x: u32, y: u32) -> f32 {
    let mut n = x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263);
    n = (n ^ (n >> 13)).wrapping_mul(1_274_126_177);
    (n ^ (n >> 16)) as f32 / u32::MAX as f32
}
