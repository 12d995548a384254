"""Make the small simulated files beside this script; `python make.py` writes the same bytes again.

One acquisition, 60 localizations along a bent filament in a field of 6.4 x 4.8 µm, written in each
way that annapalm reads, so that a test can ask for the same localizations from all of them.
"""

from pathlib import Path

import numpy as np
import tifffile

HERE = Path(__file__).parent
ROWS = 60
CAMERA_PIXEL_NM = 100
PIXEL_NM = 20
FIELD_NM = (6400, 4800)


def simulate() -> dict[str, np.ndarray]:
    """Draw positions to 0.1 nm, so that every unit can write them exactly; frames from 0."""
    rng = np.random.default_rng(2)
    along = rng.uniform(0, 1, ROWS)
    x = 300 + 5800 * along + rng.normal(0, 12, ROWS)
    y = 800 + 3000 * along**2 + rng.normal(0, 12, ROWS)
    return {
        "frame": np.sort(rng.integers(3, 300, ROWS)),
        "x": np.round(x, 1),
        "y": np.round(y, 1),
        "z": np.round(rng.normal(0, 150, ROWS), 1),
        "precision": np.round(rng.uniform(5, 20, ROWS), 2),
        "photons": np.round(rng.lognormal(7, 0.5, ROWS), 1),
    }


def main() -> None:
    """Write every file."""
    t = simulate()
    rows = list(zip(*(t[k].tolist() for k in t), strict=True))
    quoted = '"id","frame","x [nm]","y [nm]","z [nm]","intensity [photon]","uncertainty_xy [nm]"\n'
    lines = [
        f"{i},{f + 1},{x:.1f},{y:.1f},{z:.1f},{n:.1f},{s:.2f}\n"
        for i, (f, x, y, z, s, n) in enumerate(rows, 1)
    ]
    _write("thunderstorm.csv", quoted + "".join(lines))
    tabs = "id\tframe\tx [um]\ty [um]\tuncertainty [nm]\tintensity [ADU]\r\n"
    lines = [
        f"{i}.0\t{f + 1}.0\t{x / 1000:.4f}\t{y / 1000:.4f}\t{s:.2f}\t{n:.1f}\r\n"
        for i, (f, x, y, _, s, n) in enumerate(rows, 1)
    ]
    _write("thunderstorm.xls", tabs + "".join(lines))
    lines = [f"{y:.1f} {x:.1f} {z:.1f} {z * 1.1:.2f} {f}\n" for f, x, y, z, _, _ in rows]
    _write("headerless.txt", "".join(lines))
    pixel = CAMERA_PIXEL_NM
    lines = [f"{f} {x / pixel:.3f} {y / pixel:.3f} {n:.1f}\n" for f, x, y, _, _, n in rows]
    _write("comment_header.csv", "# frame, x, y, Intensity\n" + "".join(lines))
    _write_programs(t)
    shape = FIELD_NM[1] // PIXEL_NM, FIELD_NM[0] // PIXEL_NM
    counts = np.zeros(shape, np.uint16)
    np.add.at(counts, ((t["y"] // PIXEL_NM).astype(int), (t["x"] // PIXEL_NM).astype(int)), 1)
    tifffile.imwrite(
        HERE / "counts.tif",
        counts,
        imagej=True,
        compression="zlib",
        resolution=(1000 / PIXEL_NM, 1000 / PIXEL_NM),
        metadata={"unit": "um", "axes": "YX"},
    )


def _write_programs(t: dict[str, np.ndarray]) -> None:
    """Write the table as the programs of the microscopes do, each with its own zero and units."""
    rows = list(zip(*(t[k].tolist() for k in t), strict=True))
    half = CAMERA_PIXEL_NM / 2
    header = "Index\tFirst Frame\tNumber Frames\tFrames Missing\tPosition X [nm]\tPosition Y [nm]\t"
    header += "Precision [nm]\tNumber Photons\tBackground variance\tChi square\tPSF width [nm]\t"
    header += "Channel\tZ Slice\r\n"
    lines = [
        f"{i}\t{f + 1}\t1\t0\t{x:.1f}\t{y:.1f}\t{s:.2f}\t{n:.1f}\t3.1\t0.9\t150.2\t1\t1\r\n"
        for i, (f, x, y, _, s, n) in enumerate(rows, 1)
    ]
    text = header + "".join(lines)
    field = [f"Size{axis} : {nm // 10}" for axis, nm in zip("XY", FIELD_NM, strict=True)]
    pixel = [f"VoxelSize{axis} : {CAMERA_PIXEL_NM / 1000:.10f} µm" for axis in "XY"]
    footer = [*pixel, "ResolutionX : 0.1000000000", "ResolutionY : 0.1000000000", *field]
    _write("elyra.txt", text + "\0\r\n" + "\r\n".join([*footer, "ROI List : "]), "latin-1")
    _write("elyra.csv", text.replace("\t", ";"))

    columns = "Channel Name,X,Y,Xc,Yc,Height,Area,Width,Phi,Ax,BG,I,Frame,Length,Link,Valid,Z,Zc,"
    columns += "Photons,Lateral Localization Accuracy,Xw,Yw,Xwc,Ywc,Zw,Zwc"
    lines = []
    for f, x, y, z, s, n in rows:
        raw = f"{x + 31:.1f}\t{y - 17:.1f}"  # before drift correction
        cells = f"{raw}\t{x:.1f}\t{y:.1f}\t{n / 9:.2f}\t{n:.2f}\t301.4\t0.0\t1.0\t120.5\t{n:.2f}"
        cells += f"\t{f + 1}\t1\t-1\t1\t{z + 3:.1f}\t{z:.1f}\t{n:.1f}\t{s:.2f}"
        lines.append(f"647\t{cells}\t{raw}\t{x:.1f}\t{y:.1f}\t{z + 3:.1f}\t{z:.1f}\r\n")
        if f % 10 == 0:
            lines.append(lines[-1].replace("647", "Z Rejected", 1))
    _write("nstorm.txt", columns.replace(",", "\t") + "\r\n" + "".join(lines))
    lines = [
        f"{x - half:.2f}\t{y - half:.2f}\t{z:.2f}\t1\t130.00\t52\t1\t{n:.1f}\t{f + 1}\r\n"
        for f, x, y, z, _, n in rows
    ]
    names = "X\tY\tZ\tChannel\tWidth\tBG\tLength\tArea\tFrame\r\n"
    _write("picasso_nis.txt", names + "".join(lines))
    lines = [f"0,{f},{x:.6f},{y:.6f},{z:.6f},{n:.6f},1.500000\n" for f, x, y, z, _, n in rows]
    _write("oni.csv", "Channel,Frame,X (nm),Y (nm),Z (nm),Photons,Background\n" + "".join(lines))
    lines = [
        f"{i},{f + 1},{x:.2f},{y:.2f},{z:.2f},{n:.1f}\n"
        for i, (f, x, y, z, _, n) in enumerate(rows, 1)
    ]
    _write(
        "smlm_challenge.csv", "Ground-truth,frame,xnano,ynano,znano,intensity \n" + "".join(lines)
    )
    fields = [_field(0, "X", FIELD_NM[0]), _field(1, "Y", FIELD_NM[1])]
    fields += ['<field identifier="ImageNumber-0-0" syntax="integer" unit="frame" min="0 fr" />']
    fields += ['<field identifier="Amplitude-0-0" unit="A/D count" />']
    xml = f'# <localizations insequence="true">{"".join(fields)}</localizations>\n'
    lines = [f"{x - half:.1f} {y - half:.1f} {f} {n * 12:.1f}\n" for f, x, y, _, _, n in rows]
    _write("rapidstorm.txt", xml + "".join(lines))
    pixel_nm = CAMERA_PIXEL_NM
    top = '# DECODE EmitterSet\n# {"version": "v0.10.1"}\n'
    top += f'# {{"xy_unit": "px", "px_size": [{pixel_nm}.0, {pixel_nm}.0]}}\n'
    top += "x,y,z,phot,frame_ix,id,prob,bg,x_cr,y_cr,z_cr,x_sig,y_sig,z_sig\n"
    lines = [
        f"{(y - half) / pixel_nm:.3f},{(x - half) / pixel_nm:.3f},{z:.1f},{n:.1f},{f},-1,0.97,20.5,"
        f"nan,nan,nan,{s / pixel_nm:.4f},{s / pixel_nm:.4f},30.0\n"
        for f, x, y, z, s, n in rows
    ]
    _write("decode.csv", top + "".join(lines))


def _field(number: int, axis: str, length_nm: int) -> str:
    """Describe a position as rapidSTORM does: up to the centre of the last pixel, in m."""
    last = (length_nm - CAMERA_PIXEL_NM) * 1e-9
    return (
        f'<field identifier="Position-{number}-0" semantic="position in sample space in {axis}" '
        f'unit="nanometer" min="0 m" max="{last:.6g} m" />'
    )


def _write(name: str, text: str, encoding: str = "utf-8") -> None:
    (HERE / name).write_bytes(text.encode(encoding))


if __name__ == "__main__":
    main()
