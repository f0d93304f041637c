//! The addresses under which files are reached from outside.

use super::Handle;

/// Makes the links that are handed out: on one origin, or on the hosts of a base name
/// (`cdn.`, `www.` … as in Filestack's hosts, filestack.com/docs).
#[derive(Clone, Debug)]
pub struct Links {
    cdn: String,
    api: String,
    upload: String,
    public: String,
}

impl Links {
    /// `public_url` is the origin that users reach; with a `cname`, files live on `cdn.<cname>`
    /// and the API on `www.<cname>`, with the scheme (and port) of `public_url`.
    pub fn new(public_url: &str, cname: Option<&str>) -> Self {
        let public = public_url.trim_end_matches('/').to_owned();
        let Some(cname) = cname.filter(|name| !name.is_empty()) else {
            return Self {
                cdn: public.clone(),
                api: public.clone(),
                upload: public.clone(),
                public,
            };
        };
        let scheme = public
            .split_once("://")
            .map_or("https", |(scheme, _)| scheme);
        Self {
            cdn: format!("{scheme}://cdn.{cname}"),
            api: format!("{scheme}://www.{cname}"),
            upload: format!("{scheme}://upload.{cname}"),
            public,
        }
    }

    /// The stable link to a file.
    pub fn file(&self, handle: &Handle) -> String {
        format!("{}/{handle}", self.cdn)
    }

    /// The file in the file API: the link that old clients know and that symlinks bear.
    pub fn api_file(&self, handle: &Handle) -> String {
        format!("{}/api/file/{handle}", self.api)
    }

    /// A page or route of the API host, such as an OAuth callback; `path` begins with `/`.
    pub fn api(&self, path: &str) -> String {
        format!("{}{path}", self.api)
    }

    /// A route of the host that parts of uploads are sent to; `path` begins with `/`.
    pub fn upload(&self, path: &str) -> String {
        format!("{}{path}", self.upload)
    }

    /// The same host as clients are told of it: they put `https://` before what does not begin
    /// with `http` (filestack-js `uploaders/s3.ts`; the Python, Ruby and Go SDKs always do).
    pub fn upload_host(&self) -> &str {
        self.upload.strip_prefix("https://").unwrap_or(&self.upload)
    }

    /// The origin that users reach.
    pub fn public(&self) -> &str {
        &self.public
    }
}
