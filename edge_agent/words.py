"""What the commands say to people: in Chinese where the terminal's LANG begins with zh, else in English."""

from __future__ import annotations

import os

CHINESE = {
    # status
    "waiting": "等待上传",
    "refused": "被服务器拒绝",
    "dropped": "已丢弃",
    "agent": "采集端",
    "sender": "上传",
    "server": "服务器",
    "clock": "时钟",
    "schedule": "采集计划",
    "last delivery": "最近送达",
    "camera": "摄像头",
    "never ran": "从未运行",
    "the oldest taken": "最早拍摄于",
    "see wardwatch-edge spool ls": "详见 wardwatch-edge spool ls",
    "no camera has used this spool": "尚无摄像头使用此队列",
    # aim
    "bed": "床位",
    "face": "人脸",
    "pixels": "像素",
    "sharpness": "清晰度",
    "turned": "偏转",
    "quality": "质量",
    "what to do": "建议",
    "usable": "可用",
    "poor": "较差",
    "none": "无",
    "beds usable": "个床位可用",
    "the whole view": "整个画面",
    "waiting for the first picture …": "等待第一张画面 …",
    "nobody seen: let somebody lie in the bed": "未见到人：请让人躺在床上",
    "nothing to be seen: look at lens, cap and light": "画面无内容：检查镜头、镜头盖和光线",
    "face hidden or turned away: move the camera towards the foot of the bed": "人脸被遮或偏转：将摄像头移向床尾",
    "face too small: move closer, zoom in, or use a higher resolution": "人脸过小：靠近、放大或提高分辨率",
    "blurred: focus the lens, clean it, fix the mount": "画面模糊：对焦、清洁镜头、固定支架",
    "too dark: more light, or infrared": "过暗：增加光线或使用红外",
    "too bright: no window or lamp behind or on the face": "过亮：避免窗户或灯光直射或逆光",
    "face partly hidden: look for rails, curtains, drips in the line of sight": "人脸部分被遮：检查护栏、帘子、输液架",
    # discover
    "no camera answers; it must allow ONVIF discovery, on this very network": "无摄像头应答：须同网并开启 ONVIF",
}


def is_chinese() -> bool:
    """Whether the terminal's language is Chinese."""
    chosen = next((os.environ[name] for name in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(name)), "")
    return chosen.lower().startswith("zh")


def say(text: str) -> str:
    """`text`, which stands in `CHINESE`, in the reader's language."""
    return CHINESE[text] if is_chinese() else text
