//! The parts of a workbook that do not depend on its rows.

use crate::text::push_escaped;

pub(crate) const CONTENT_TYPES: &str = "[Content_Types].xml";
pub(crate) const RELATIONS: &str = "_rels/.rels";
pub(crate) const WORKBOOK: &str = "xl/workbook.xml";
pub(crate) const WORKBOOK_RELATIONS: &str = "xl/_rels/workbook.xml.rels";
pub(crate) const STYLES: &str = "xl/styles.xml";

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
pub(crate) const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
const PACKAGE: &str = "http://schemas.openxmlformats.org/package/2006";
const DOCUMENT: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const KIND: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml";

/// Places in the list of formats that `styles` makes.
pub(crate) mod format {
    pub(crate) const PLAIN: u8 = 0;
    pub(crate) const HEADING: u8 = 1;
    pub(crate) const MONEY: u8 = 2;
    pub(crate) const INTEGER: u8 = 3;
    pub(crate) const MOMENT: u8 = 4;
    pub(crate) const DAY: u8 = 5;
    pub(crate) const QUOTED: u8 = 6;
}

pub(crate) fn sheet_path(number: usize) -> String {
    format!("xl/worksheets/sheet{number}.xml")
}

pub(crate) fn content_types(sheets: usize) -> String {
    let mut xml = format!(
        r#"{HEAD}<Types xmlns="{PACKAGE}/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/{WORKBOOK}" ContentType="{KIND}.sheet.main+xml"/><Override PartName="/{STYLES}" ContentType="{KIND}.styles+xml"/>"#
    );
    for number in 1..=sheets {
        let path = sheet_path(number);
        xml.push_str(&format!(r#"<Override PartName="/{path}" ContentType="{KIND}.worksheet+xml"/>"#));
    }
    xml.push_str("</Types>");
    xml
}

pub(crate) fn relations() -> String {
    format!(
        r#"{HEAD}<Relationships xmlns="{PACKAGE}/relationships"><Relationship Id="rId1" Type="{DOCUMENT}/officeDocument" Target="{WORKBOOK}"/></Relationships>"#
    )
}

/// Says in which order the sheets stand, whatever the order in which they are written.
pub(crate) fn workbook(names: &[&str]) -> Vec<u8> {
    let mut xml = format!(r#"{HEAD}<workbook xmlns="{MAIN}" xmlns:r="{DOCUMENT}"><sheets>"#).into_bytes();
    for (number, name) in (1..).zip(names) {
        xml.extend_from_slice(b"<sheet name=\"");
        push_escaped(&mut xml, name);
        xml.extend_from_slice(format!(r#"" sheetId="{number}" r:id="rId{number}"/>"#).as_bytes());
    }
    xml.extend_from_slice(b"</sheets></workbook>");
    xml
}

pub(crate) fn workbook_relations(sheets: usize) -> String {
    let mut xml = format!(r#"{HEAD}<Relationships xmlns="{PACKAGE}/relationships">"#);
    for number in 1..=sheets {
        xml.push_str(&format!(
            r#"<Relationship Id="rId{number}" Type="{DOCUMENT}/worksheet" Target="worksheets/sheet{number}.xml"/>"#
        ));
    }
    let styles = sheets + 1;
    xml.push_str(&format!(
        r#"<Relationship Id="rId{styles}" Type="{DOCUMENT}/styles" Target="styles.xml"/></Relationships>"#
    ));
    xml
}

/// A program that opens the file in another one's place keeps quoted text as text when somebody edits it.
pub(crate) fn styles() -> String {
    let formats = [
        r#"<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>"#,
        r#"<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>"#,
        r#"<xf numFmtId="2" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
        r#"<xf numFmtId="1" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
        r#"<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
        r#"<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>"#,
        r#"<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1" quotePrefix="1"/>"#,
    ];
    let (count, formats) = (formats.len(), formats.concat());
    format!(
        r#"{HEAD}<styleSheet xmlns="{MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm:ss"/><numFmt numFmtId="165" formatCode="yyyy-mm-dd"/></numFmts><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="{count}">{formats}</cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"#
    )
}

/// Everything of a sheet before its rows.
pub(crate) fn sheet_head(is_first: bool, widths: impl Iterator<Item = u16>) -> String {
    let selected = if is_first { r#" tabSelected="1""# } else { "" };
    let mut xml = format!(
        r#"{HEAD}<worksheet xmlns="{MAIN}"><sheetViews><sheetView{selected} workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/><selection pane="bottomLeft"/></sheetView></sheetViews><sheetFormatPr defaultRowHeight="15"/><cols>"#
    );
    for (number, width) in (1..).zip(widths) {
        xml.push_str(&format!(r#"<col min="{number}" max="{number}" width="{width}" customWidth="1"/>"#));
    }
    xml.push_str("</cols><sheetData>");
    xml
}

pub(crate) const SHEET_TAIL: &str = "</sheetData></worksheet>";
