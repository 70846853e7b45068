// The camera: opened, shown as in a mirror, looked at five times a second, and closed for certain.
const WIDTH = 640, HEIGHT = 480, PAUSE = 120;

const FAULTS = {
  NotAllowedError: "denied", SecurityError: "denied",
  NotFoundError: "missing", OverconstrainedError: "missing",
  NotReadableError: "busy", AbortError: "busy",
};

export class Camera {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.canvas.width = WIDTH;
    this.canvas.height = HEIGHT;
    this.stream = null;
  }

  // Returns nothing, or why there is no picture: denied, missing, busy.
  async open(onLost) {
    this.close();
    if (!navigator.mediaDevices?.getUserMedia) return "missing";
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: WIDTH }, height: { ideal: HEIGHT }, facingMode: "user" }, audio: false,
      });
      const [track] = this.stream.getVideoTracks();
      track.addEventListener("ended", onLost);
      this.video.srcObject = this.stream;
      await this.video.play();
    } catch (error) {
      this.close();
      return FAULTS[error.name] || "missing";
    }
    return null;
  }

  close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
    this.canvas.getContext("2d").clearRect(0, 0, WIDTH, HEIGHT);
  }

  get isOpen() { return this.stream !== null; }

  // The frame as the camera sees it, not mirrored, cut to 4:3.
  frame() {
    const { videoWidth: w, videoHeight: h } = this.video;
    if (!w || !h) return Promise.resolve(null);
    const width = Math.min(w, h * WIDTH / HEIGHT), height = width * HEIGHT / WIDTH;
    const pen = this.canvas.getContext("2d");
    pen.drawImage(this.video, (w - width) / 2, (h - height) / 2, width, height, 0, 0, WIDTH, HEIGHT);
    return new Promise((done) => this.canvas.toBlob(done, "image/jpeg", 0.92));
  }

  // Shows frames to `look` until it says stop, or the camera is closed.
  async watch(look) {
    while (this.isOpen) {
      const blob = await this.frame();
      if (blob && this.isOpen && await look(blob) === "stop") return;
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  }
}
