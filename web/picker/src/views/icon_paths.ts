/** The lines of the few icons, 20 by 20. */

export const PATHS = {
  close: "M5 5l10 10M15 5L5 15",
  search: "M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13.2 13.2L17 17",
  list: "M3.5 5.5h13M3.5 10h13M3.5 14.5h13",
  grid: "M3.5 3.5h5v5h-5zM11.5 3.5h5v5h-5zM3.5 11.5h5v5h-5zM11.5 11.5h5v5h-5z",
  back: "M12.5 4l-6 6 6 6",
  check: "M4.5 10.5l3.5 3.5 7.5-8",
  minus: "M5 10h10",
  into: "M7.5 4l6 6-6 6",
  down: "M5 7.5l5 5 5-5",
  warning: "M10 3l8 14H2zM10 8.5v3.5M10 14.4v.1",
  offline: "M3 3l14 14M2.5 8a11 11 0 0 1 3-1.9M9 5a11 11 0 0 1 8.5 3M5.5 11.2a7 7 0 0 1 3-1.6M12.5 10a7 7 0 0 1 2 1.2M10 15.5v.1",
  clock: "M10 2.5a7.5 7.5 0 1 0 0 15 7.5 7.5 0 0 0 0-15zM10 6v4.3l2.8 1.7",
  pause: "M7 5v10M13 5v10",
  play: "M7 4.5l8 5.5-8 5.5z",
  window: "M3 4.5h14v11H3zM3 8h14",
  empty: "M2.5 6.5v9h15v-9h-8l-2-2.5h-5z",
  lock: "M5 9h10v7.5H5zM7 9V6.5a3 3 0 0 1 6 0V9",
  device: "M10 13V4M6.5 7.5L10 4l3.5 3.5M3.5 12v4.5h13V12",
  link: "M8.5 11.5l3-3M7.2 9.2L5 11.4a2.6 2.6 0 0 0 3.7 3.7l2.2-2.2M9.1 7.1l2.2-2.2a2.6 2.6 0 0 1 3.7 3.7l-2.2 2.2",
  left: "M4 4v4h4M4.6 8A6.5 6.5 0 1 1 4 12.4",
  right: "M16 4v4h-4M15.4 8a6.5 6.5 0 1 0 .6 4.4",
  crop: "M5.5 2v12.5H18M2 5.5h12.5V18",
  circle: "M10 3.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13z",
  dropbox: "M5.5 3L1.5 5.6l4 2.6 4.5-2.6zM14.5 3l4 2.6-4 2.6L10 5.6zM1.5 10.8l4 2.6 4.5-2.6-4.5-2.6zM18.5 10.8l-4 2.6-4.5-2.6 4.5-2.6zM6 14.6l4 2.4 4-2.4-4-2.4z",
} as const;

export type IconName = keyof typeof PATHS;
