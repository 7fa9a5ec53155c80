// The picture on the desk: shown whole, looked at closely, veiled where it was flagged. Stands before desk.js, which
// makes one of it.

const ZOOMS = [1, 1.5, 2.5, 4, 6];
const CLOSER = 2.5;

class Picture {
  constructor(root, signal, unveiled) {
    [this.photo, this.image, this.veil, this.lost] = ["photo", "image", "veil", "lost"].map((id) => root.querySelector(`#${id}`));
    this.scale = 1;
    const on = (target, name, act, options = {}) => target.addEventListener(name, act, { signal, ...options });
    on(root.querySelector("#zoom-in"), "click", () => this.step(1));
    on(root.querySelector("#zoom-out"), "click", () => this.step(-1));
    on(root.querySelector("#zoom-fit"), "click", () => this.zoom(1));
    on(root.querySelector("#unveil"), "click", (event) => {
      event.stopPropagation(); // a click on the picture would look closer at once
      this.veiled(false);
      unveiled();
    });
    on(this.photo, "wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.step(event.deltaY < 0 ? 1 : -1);
    }, { passive: false });
    this.dragging(on);
  }

  dragging(on) {
    let from = null;
    on(this.photo, "pointerdown", (event) => {
      if (event.pointerType !== "mouse") return;
      from = { x: event.clientX, y: event.clientY, left: this.photo.scrollLeft, top: this.photo.scrollTop, moved: false };
    });
    on(window, "pointermove", (event) => {
      if (!from) return;
      const [x, y] = [event.clientX - from.x, event.clientY - from.y];
      if (Math.abs(x) + Math.abs(y) > 4) from.moved = true;
      this.photo.scrollTo(from.left - x, from.top - y);
    });
    on(window, "pointerup", () => setTimeout(() => (from = null))); // after the click that ends the drag
    on(this.photo, "click", (event) => {
      if (from?.moved) return;
      const box = this.photo.getBoundingClientRect();
      this.toggle((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
  }

  // The image of a task; the next one is fetched as soon as this one is there.
  show({ task, ahead, correcting }) {
    this.zoom(1);
    this.original = task.original;
    this.image.alt = task.captions[0] ?? "The image to describe";
    this.image.onerror = () => (this.lost.hidden = false);
    this.image.onload = () => {
      this.image.classList.remove("coming");
      if (ahead) this.ahead = Object.assign(new Image(), { src: ahead });
    };
    if (!this.image.src.endsWith(task.image)) {
      this.lost.hidden = true;
      this.image.classList.add("coming");
      this.image.src = task.image;
    }
    this.veiled(task.sensitive && !correcting);
  }

  get coming() {
    return this.image.classList.contains("coming");
  }

  veiled(yes) {
    this.photo.classList.toggle("veiled", yes);
    this.veil.hidden = !yes;
  }

  toggle(x = 0.5, y = 0.5) {
    this.zoom(this.scale > 1 ? 1 : CLOSER, x, y);
  }

  step(by) {
    const now = ZOOMS.findLastIndex((zoom) => zoom <= this.scale);
    this.zoom(ZOOMS[Math.min(ZOOMS.length - 1, Math.max(0, now + by))]);
  }

  // `scale` times the size at which the whole image fits; (x, y) is the point to look at, as shares of the view.
  zoom(scale, x = 0.5, y = 0.5) {
    const { photo, image, original } = this;
    if (photo.classList.contains("veiled") && scale > 1) return;
    this.scale = scale;
    photo.classList.toggle("near", scale > 1);
    for (const side of ["width", "height"]) image.style[side] = scale > 1 ? `${scale * 100}%` : "";
    photo.scrollTo((scale * x - 0.5) * photo.clientWidth, (scale * y - 0.5) * photo.clientHeight);
    if (scale === 1 || !original || image.src.endsWith(original)) return;
    const sharp = Object.assign(new Image(), { src: original });
    const still = () => this.original === original && this.scale > 1;
    sharp.decode().then(() => still() && (image.src = original)).catch(() => {}); // without it the thumbnail does
  }
}
