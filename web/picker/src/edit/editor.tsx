/**
 * The editor of one picture: turn it, choose an area, make it a circle. By mouse, thumb and
 * keyboard. Answers what is to be done; the picture itself is drawn when it is uploaded.
 */

import { Component, createRef } from "preact";
import { plainName } from "../format.js";
import { adopt } from "../styles/adopt.js";
import styles from "../styles/editor.css?inline";
import { Icon } from "../views/icons.js";
import type { Words } from "../words/words.js";
import { kept, middle, pulled, turned, type Area, type Edit, type Grip, type Size, type Turn } from "./geometry.js";

export interface Abilities {
  crop: boolean;
  rotate: boolean;
  circle: boolean;
  /** Width by height; any shape when absent. */
  ratio?: number | undefined;
  /** Whether it begins with an area chosen: a picture has to be cropped. */
  cropped?: boolean;
}

export interface EditorProps {
  words: Words;
  file: Blob;
  name: string;
  edit: Edit | undefined;
  can: Abilities;
  onDone(edit: Edit | undefined, size: Size): void;
  onCancel(): void;
  onTrouble(): void;
}

interface EditorState {
  picture: ImageBitmap | undefined;
  turn: Turn;
  area: Area | undefined;
  circle: boolean;
  /** Pixels of the screen for one of the picture, and where it begins. */
  scale: number;
  offset: [number, number];
}

const GRIPS: Grip[] = ["nw", "n", "ne", "e", "se", "s", "sw", "w"];
/** Pixels of the picture that an area has at least, on each side. */
const LEAST = 16;
/** Space around the picture, for the grips. */
const MARGIN = 24;

export class Editor extends Component<EditorProps, EditorState> {
  override state: EditorState;
  readonly #heading = createRef<HTMLHeadingElement>();
  readonly #stage = createRef<HTMLDivElement>();
  readonly #canvas = createRef<HTMLCanvasElement>();
  #pull: { grip: Grip | "all"; from: [number, number]; area: Area } | undefined;
  #measuring: ResizeObserver | undefined;

  constructor(props: EditorProps) {
    super(props);
    const { edit } = props;
    this.state = { picture: undefined, turn: edit?.turn ?? 0, area: edit?.area, circle: edit?.circle ?? false, scale: 1, offset: [0, 0] };
  }

  override componentDidMount(): void {
    adopt(styles, this.#stage.current);
    this.#heading.current?.focus({ preventScroll: true });
    createImageBitmap(this.props.file).then(
      (picture) => this.setState({ picture }, () => this.#begin()),
      () => this.props.onTrouble(),
    );
    this.#measuring = new ResizeObserver(() => this.#fit());
    if (this.#stage.current) this.#measuring.observe(this.#stage.current);
  }

  override componentWillUnmount(): void {
    this.#measuring?.disconnect();
    this.state.picture?.close();
  }

  get #size(): Size {
    const { picture, turn } = this.state;
    return turned([picture?.width ?? 1, picture?.height ?? 1], turn);
  }

  /** A picture whose shape is asked for begins with the largest area of it. */
  #begin(): void {
    if (!this.state.area && (this.ratio || this.state.circle || this.props.can.cropped)) this.#cropAll();
    this.#fit();
  }

  get ratio(): number | undefined {
    return this.state.circle ? 1 : this.props.can.ratio;
  }

  #fit(): void {
    const stage = this.#stage.current;
    if (!stage || !this.state.picture) return;
    const [width, height] = this.#size;
    const scale = Math.min((stage.clientWidth - 2 * MARGIN) / width, (stage.clientHeight - 2 * MARGIN) / height, 4);
    const offset: [number, number] = [(stage.clientWidth - width * scale) / 2, (stage.clientHeight - height * scale) / 2];
    this.setState({ scale, offset }, () => this.#draw());
  }

  #draw(): void {
    const { picture, turn, scale } = this.state;
    const canvas = this.#canvas.current;
    if (!canvas || !picture) return;
    const sharp = Math.min(devicePixelRatio, 2);
    const [width, height] = this.#size;
    canvas.width = Math.max(1, Math.round(width * scale * sharp));
    canvas.height = Math.max(1, Math.round(height * scale * sharp));
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.imageSmoothingQuality = "high";
    pen.translate(canvas.width / 2, canvas.height / 2);
    pen.rotate((turn * Math.PI) / 180);
    pen.scale(scale * sharp, scale * sharp);
    pen.drawImage(picture, -picture.width / 2, -picture.height / 2);
  }

  #turn(by: 90 | 270): void {
    const turn = ((this.state.turn + by) % 360) as Turn;
    const [width, height] = this.#size;
    const { area } = this.state;
    // The area turns with the picture; one of a fixed shape is laid out anew.
    const moved: Area | undefined = area && !this.ratio
      ? {
          position: by === 90 ? [height - area.position[1] - area.size[1], area.position[0]] : [area.position[1], width - area.position[0] - area.size[0]],
          size: [area.size[1], area.size[0]],
        }
      : undefined;
    this.setState({ turn, area: moved }, () => {
      if (this.ratio) this.#cropAll();
      this.#fit();
    });
  }

  #cropAll(): void {
    const size = this.#size;
    const area = this.ratio ? middle(size, this.ratio) : kept({ position: [size[0] * 0.1, size[1] * 0.1], size: [size[0] * 0.8, size[1] * 0.8] }, size, LEAST);
    this.setState({ area });
  }

  #circle(): void {
    this.setState({ circle: !this.state.circle }, () => {
      if (this.state.circle) this.#cropAll();
      else if (!this.props.can.crop) this.setState({ area: undefined });
    });
  }

  #reset(): void {
    this.setState({ turn: 0, area: undefined, circle: false }, () => this.#begin());
  }

  readonly #down = (grip: Grip | "all") => (event: PointerEvent) => {
    const { area } = this.state;
    if (!area || event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const target = event.currentTarget as HTMLElement;
    target.setPointerCapture(event.pointerId);
    target.focus({ preventScroll: true });
    this.#pull = { grip, from: [event.clientX, event.clientY], area };
  };

  readonly #move = (event: PointerEvent) => {
    const pull = this.#pull;
    if (!pull) return;
    const { scale } = this.state;
    const [dx, dy] = [(event.clientX - pull.from[0]) / scale, (event.clientY - pull.from[1]) / scale];
    this.#shift(pull.area, pull.grip, dx, dy);
  };

  readonly #up = () => {
    this.#pull = undefined;
  };

  #shift(area: Area, grip: Grip | "all", dx: number, dy: number): void {
    const size = this.#size;
    const [x, y] = area.position;
    if (grip === "all") {
      this.setState({ area: kept({ position: [x + dx, y + dy], size: area.size }, size, LEAST) });
      return;
    }
    const at: [number, number] = [
      (grip.includes("w") ? x : x + area.size[0]) + dx,
      (grip.includes("n") ? y : y + area.size[1]) + dy,
    ];
    this.setState({ area: pulled(area, grip, at, size, LEAST, this.ratio) });
  }

  readonly #key = (grip: Grip | "all") => (event: KeyboardEvent) => {
    const { area, scale } = this.state;
    const step = (event.shiftKey ? 10 : 1) * Math.max(1, 1 / scale);
    const by = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[event.key];
    if (!area || !by) return;
    event.preventDefault();
    this.#shift(area, grip, by[0] ?? 0, by[1] ?? 0);
  };

  #done(): void {
    const { turn, area, circle } = this.state;
    const size = this.#size;
    const all = !area || (area.size[0] === size[0] && area.size[1] === size[1]);
    const nothing = turn === 0 && all && !circle;
    this.props.onDone(nothing ? undefined : { turn, circle, ...(area && !all ? { area } : {}) }, size);
  }

  override render() {
    const { words, can, name } = this.props;
    const { picture, area, circle, scale, offset } = this.state;
    const [width, height] = this.#size;
    const place = (left: number, top: number, wide: number, high: number) =>
      ({ left: `${offset[0] + left * scale}px`, top: `${offset[1] + top * scale}px`, width: `${wide * scale}px`, height: `${high * scale}px` });
    return (
      <div class="source editor" dir="ltr">
        <div class="bar">
          <h2 ref={this.#heading} tabIndex={-1} class="grow"><bdi>{plainName(name)}</bdi></h2>
        </div>
        <div ref={this.#stage} class="stage" aria-busy={!picture} onPointerMove={this.#move} onPointerUp={this.#up} onPointerCancel={this.#up}>
          <canvas ref={this.#canvas} style={place(0, 0, width, height)} aria-hidden="true" />
          {picture && area ? (
            <div
              class={circle ? "area round" : "area"}
              style={place(area.position[0], area.position[1], area.size[0], area.size[1])}
              tabIndex={0}
              role="group"
              aria-label={words.t("The part that is kept: {width} by {height}", { width: words.number(area.size[0]), height: words.number(area.size[1]) })}
              onPointerDown={this.#down("all")}
              onKeyDown={this.#key("all")}
            >
              {GRIPS.map((grip) => (
                <span key={grip} class={`grip ${grip}`} tabIndex={grip === "se" ? 0 : -1} role="button" aria-label={words.t("Size of the part")} onPointerDown={this.#down(grip)} onKeyDown={(event) => { event.stopPropagation(); this.#key(grip)(event); }} />
              ))}
            </div>
          ) : null}
        </div>
        <div class="tools" role="toolbar" aria-label={words.t("Edit")}>
          {can.rotate ? <button type="button" class="plain" onClick={() => this.#turn(270)}><Icon name="left" />{words.t("Turn left")}</button> : null}
          {can.rotate ? <button type="button" class="plain" onClick={() => this.#turn(90)}><Icon name="right" />{words.t("Turn right")}</button> : null}
          {can.crop && !area ? <button type="button" class="plain" onClick={() => this.#cropAll()}><Icon name="crop" />{words.t("Crop…")}</button> : null}
          {can.circle ? <button type="button" class="plain" aria-pressed={circle} onClick={() => this.#circle()}><Icon name="circle" />{words.t("Circle")}</button> : null}
          <span class="grow" />
          <button type="button" class="quiet" onClick={() => this.#reset()}>{words.t("Reset")}</button>
        </div>
        <footer class="foot">
          <span class="grow" />
          <button type="button" class="plain" onClick={() => this.props.onCancel()}>{words.t("Cancel")}</button>
          <button type="button" class="primary" disabled={!picture} onClick={() => this.#done()}>{words.t("Save")}</button>
        </footer>
      </div>
    );
  }
}
