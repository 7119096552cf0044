//! Relative links in Markdown must lead somewhere: the file is there, and so is the heading.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::repository::Repository;
use crate::tidy::Problem;

pub(super) fn check(repository: &Repository, file: &Path, text: &str) -> Vec<Problem> {
    let read = |target: &Path| -> Option<Target> {
        let path = repository.path(target);
        if !path.exists() {
            return None;
        }
        // A folder or a picture has no headings; a link into one is answered with "no such heading".
        Some(Target {
            headings: fs::read_to_string(path)
                .map(|text| headings(&text))
                .unwrap_or_default(),
        })
    };
    dead(file, text, &read)
}

/// What a link can lead to inside a file.
struct Target {
    headings: BTreeSet<String>,
}

fn dead(file: &Path, text: &str, read: &dyn Fn(&Path) -> Option<Target>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (line, link) in links(text) {
        if let Some(what) = problem(file, text, &link, read) {
            problems.push(Problem {
                file: file.to_path_buf(),
                line,
                what,
            });
        }
    }
    problems
}

fn problem(
    file: &Path,
    text: &str,
    link: &str,
    read: &dyn Fn(&Path) -> Option<Target>,
) -> Option<String> {
    let is_elsewhere = link.contains("://") || link.starts_with("mailto:");
    if is_elsewhere || link.is_empty() {
        return None;
    }
    let (path, heading) = link
        .split_once('#')
        .map_or((link, None), |(path, heading)| (path, Some(heading)));
    let headings = if path.is_empty() {
        headings(text)
    } else {
        let Some(target) = resolve(file, path) else {
            return Some(format!("the link {link} leads out of the repository"));
        };
        let Some(target) = read(&target) else {
            return Some(format!("the link {link} leads nowhere"));
        };
        target.headings
    };
    let heading = heading.filter(|heading| !heading.is_empty())?;
    (!headings.contains(heading))
        .then(|| format!("the link {link} names a heading that is not there"))
}

/// The path from the root of the repository; none if it would be outside.
fn resolve(file: &Path, link: &str) -> Option<PathBuf> {
    let link = link.replace("%20", " ");
    let start = if link.starts_with('/') {
        Path::new("")
    } else {
        file.parent()?
    };
    let mut resolved = PathBuf::new();
    for component in start.join(link.trim_start_matches('/')).components() {
        match component {
            Component::Normal(name) => resolved.push(name),
            Component::ParentDir => {
                if !resolved.pop() {
                    return None;
                }
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    Some(resolved)
}

/// All link targets outside of code, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (line, prose) in prose(text) {
        let plain = without_code(prose);
        links.extend(after(&plain, "](", ')').map(|link| (line, link)));
        links.extend(after(&plain, "src=\"", '"').map(|link| (line, link)));
        links.extend(after(&plain, "href=\"", '"').map(|link| (line, link)));
        if let Some((_, link)) = plain
            .trim_start()
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("]: "))
        {
            links.push((line, target(link)));
        }
    }
    links
}

/// The lines that are not inside a fenced block, counted from 1.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fence: Option<&str> = None;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let trimmed = line.trim_start();
        let mark = ["```", "~~~"]
            .into_iter()
            .find(|mark| trimmed.starts_with(mark));
        match (fence, mark) {
            (None, None) => return Some((index + 1, line)),
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
        }
        None
    })
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

fn after<'a>(text: &'a str, start: &'a str, end: char) -> impl Iterator<Item = String> + 'a {
    text.match_indices(start).filter_map(move |(place, mark)| {
        let rest = text.get(place + mark.len()..)?;
        rest.split(end).next().map(target)
    })
}

/// The target alone: a title may follow, and brackets may stand around it.
fn target(link: &str) -> String {
    let link = link.trim().trim_start_matches('<').trim_end_matches('>');
    link.split(" \"")
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

/// The names by which headings are linked to: small letters, hyphens for spaces, no punctuation;
/// a number is added to a name that was there before.
fn headings(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (_, line) in prose(text) {
        let hashes = line.len() - line.trim_start_matches('#').len();
        let Some(title) = line
            .get(hashes..)
            .filter(|rest| (1..=6).contains(&hashes) && rest.starts_with(' '))
        else {
            continue;
        };
        let name = heading_name(title.trim());
        let free = (0..).map(|count| {
            if count == 0 {
                name.clone()
            } else {
                format!("{name}-{count}")
            }
        });
        names.extend(free.into_iter().find(|name| !names.contains(name)));
    }
    names
}

fn heading_name(title: &str) -> String {
    // What a link in a heading shows counts, not where it leads.
    let shown: String = title
        .split("](")
        .enumerate()
        .map(|(index, part)| {
            if index == 0 {
                part
            } else {
                part.split_once(')').map_or("", |(_, rest)| rest)
            }
        })
        .collect();
    shown
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            other => other.is_alphanumeric().then_some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Problems of docs/a.md with this text; docs/b.md has the heading "How it works".
    fn check(text: &str) -> Vec<String> {
        let read = |target: &Path| {
            (target == Path::new("docs/b.md") || target == Path::new("README.md")).then(|| Target {
                headings: headings("# B\n\n## How it works\n"),
            })
        };
        dead(Path::new("docs/a.md"), text, &read)
            .into_iter()
            .map(|problem| problem.what)
            .collect()
    }

    #[test]
    fn links_that_lead_somewhere_are_fine() {
        let text = "# Top\n[b](b.md) [root](../README.md) [h](b.md#how-it-works) [t](#top)\n\
                    [far](https://example.test/nothing) <img src=\"b.md\"> [abs](/README.md)\n[r]: b.md\n";
        assert_eq!(check(text), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_are_found() {
        assert_eq!(check("[c](c.md)"), ["the link c.md leads nowhere"]);
        assert_eq!(
            check("![picture](images/c.png \"title\")"),
            ["the link images/c.png leads nowhere"]
        );
        assert_eq!(
            check("[out](../../x)"),
            ["the link ../../x leads out of the repository"]
        );
        assert_eq!(
            check("[h](b.md#nothing)"),
            ["the link b.md#nothing names a heading that is not there"]
        );
        assert_eq!(
            check("[h](#nothing)"),
            ["the link #nothing names a heading that is not there"]
        );
    }

    #[test]
    fn code_is_no_prose() {
        assert_eq!(
            check("```\n[c](c.md)\n```\n`[c](c.md)`\n"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn headings_are_named_as_readers_link_to_them() {
        let names = headings(
            "# Who *owns* `what`?\n## 五分钟上手\n## A\n## A\n####### not one\n#nor this\n",
        );
        let expected = ["a", "a-1", "who-owns-what", "五分钟上手"].map(str::to_owned);
        assert_eq!(names, BTreeSet::from(expected));
    }
}
